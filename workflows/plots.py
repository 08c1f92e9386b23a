"""The pictures of a training: residuals and feature importance, for MLflow and for Flyte's Deck."""

from base64 import b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, GREY = "#2563a8", "#9aa4b2"
TOP_FEATURES = 15


def residual_plot(log_price: Any, predicted: Any, title: str) -> "Figure":
    """Plot the error of each prediction against the price: a good model's cloud is flat and centred on zero."""
    import numpy as np
    from matplotlib.figure import Figure

    price = np.exp(np.asarray(log_price, dtype=float)) / 1000
    error = (np.exp(np.asarray(predicted, dtype=float) - np.asarray(log_price, dtype=float)) - 1) * 100
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    axes.axhline(0, color=GREY, linewidth=1)
    axes.scatter(price, error, s=14, alpha=0.55, color=BLUE, edgecolors="none")
    axes.set_xscale("log")
    axes.set_xticks([50, 100, 200, 400, 800], ["50", "100", "200", "400", "800"])
    axes.minorticks_off()
    axes.set_xlabel("sale price (thousand US dollars, log scale)")
    axes.set_ylabel("prediction's error (% of the price)")
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def importance_plot(gains: Mapping[str, Any]) -> "Figure":
    """Plot how much of the trees' gain each of the strongest features brought."""
    from matplotlib.figure import Figure

    total = sum(gains.values()) or 1.0
    strongest = sorted(gains.items(), key=lambda item: item[1])[-TOP_FEATURES:]
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    names = [name.removeprefix("f_").replace("_", " ") for name, _ in strongest]
    axes.barh(names, [gain / total * 100 for _, gain in strongest], color=BLUE)
    axes.set_xlabel("share of the total gain (%)")
    axes.set_title(f"What the price depends on: the {len(strongest)} strongest features")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def as_png(figure: "Figure") -> bytes:
    """Render a figure."""
    from io import BytesIO

    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def deck_html(metrics: dict[str, float], pictures: list[bytes]) -> str:
    """Lay metrics and pictures out as a page that needs nothing from elsewhere."""
    rows = "".join(f"<tr><td>{name}</td><td>{value:,.4g}</td></tr>" for name, value in sorted(metrics.items()))
    images = "".join(
        f'<p><img style="max-width:100%" src="data:image/png;base64,{b64encode(png).decode()}"></p>' for png in pictures
    )
    return f"<table border='0' cellpadding='6'>{rows}</table>{images}"
