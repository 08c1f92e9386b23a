"""How far the champion's predictions are from prices it has not seen."""

from ml import registry, store


def champion_error(features_uri: str) -> float | None:
    """Return the champion's median |prediction - price| / price; None without champion or new prices.

    Sales that the champion learnt from say nothing, so they count as known already.
    """
    champion = registry.champion()
    if champion is None or features_uri in champion.tags.get("feature_uris", "").splitlines():
        return None
    import mlflow.xgboost
    import numpy as np
    import xgboost as xgb

    table = store.read_table(features_uri)
    table = table[table["price"] > 0]
    if table.empty:
        return None
    booster = mlflow.xgboost.load_model(champion.model_uri)
    inputs = sorted(name for name in table if name.startswith("f_"))
    predicted = np.exp(booster.predict(xgb.DMatrix(table[inputs])))
    return float((np.abs(predicted - table["price"]) / table["price"]).median())
