"""How good a price model is, on sales it has not seen."""

from typing import Any


def price_metrics(log_price: Any, predicted: Any) -> dict[str, float]:
    """Return R² and RMSE of the natural log of the price, and the mean absolute error in US dollars."""
    import numpy as np

    actual, guess = np.asarray(log_price, dtype=float), np.asarray(predicted, dtype=float)
    residual = actual - guess
    spread = float(((actual - actual.mean()) ** 2).sum())
    return {
        "r2_log": 1.0 - float((residual**2).sum()) / spread if spread else 0.0,
        "rmse_log": float(np.sqrt((residual**2).mean())),
        "mae_usd": float(np.abs(np.exp(actual) - np.exp(guess)).mean()),
    }
