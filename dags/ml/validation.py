"""Which features may reach a model."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# Sale prices in Ames from 2006 to 2010 lie between 12,789 and 755,000 US dollars (openintro/ames).
PRICE_USD = (5_000.0, 2_000_000.0)
MAX_MISSING = 0.3


def statistics(sales: "pd.DataFrame") -> dict[str, Any]:
    """Describe a batch of sales, a broken one too: rows, ids, missing values, the price's quartiles in US dollars."""
    import pandas as pd

    price, ids = (
        pd.to_numeric(sales[name], errors="coerce").dropna() if name in sales else pd.Series(dtype=float)
        for name in ("price", "PID")
    )
    return {
        "rows": len(sales),
        "first_row": int(ids.min()) if len(ids) else None,
        "last_row": int(ids.max()) if len(ids) else None,
        "missing_share": round(float(sales.isna().mean().mean()), 4) if len(sales) else 0.0,
        "price_usd": {f"p{q}": float(price.quantile(q / 100)) for q in (0, 25, 50, 75, 100)} if len(price) else {},
    }


def problems(features: "pd.DataFrame") -> list[str]:
    """Return what is wrong with a feature table, a sentence each; none for a good one."""
    found = []
    if features.empty:
        return ["there is no row"]
    if twice := int(features["PID"].duplicated().sum()):
        found.append(f"{twice} sales appear twice")
    low, high = PRICE_USD
    if odd := int((~features["price"].between(low, high)).sum()):
        found.append(
            f"{odd} of {len(features)} prices are missing or not between {low:,.0f} and {high:,.0f} US dollars"
        )
    inputs = [name for name in features if name.startswith("f_")]
    if undated := int(features["sold"].isna().sum()):
        found.append(f"{undated} sales have no month")
    missing = features[inputs].isin([float("nan"), float("inf"), float("-inf")]).mean()
    for name, share in missing[missing > MAX_MISSING].items():
        found.append(f"{name} is missing or infinite in {share:.0%} of the rows")
    if len(features) > 1 and features[inputs].nunique().max() == 1:
        found.append("all rows are the same")
    return found


def corrupted(sales: "pd.DataFrame") -> "pd.DataFrame":
    """Return sales as a broken export would deliver them: prices in thousands, areas lost."""
    return sales.assign(price=sales["price"] / 1000, Lot_Area=None, Overall_Qual=None)
