"""Boosted trees whose training can be interrupted: every few rounds the model is saved to Flyte's checkpoint."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xgboost as xgb
    from flytekit.core.checkpointer import Checkpoint

ROUNDS_PER_CHECKPOINT = 200


def matrix(features: Any, target: Any = None) -> "xgb.DMatrix":
    """Return XGBoost's own table."""
    import xgboost as xgb

    return xgb.DMatrix(features, label=target)


def train(
    params: dict[str, Any], data: "xgb.DMatrix", rounds: int, checkpoint: "Checkpoint | None" = None
) -> "xgb.Booster":
    """Boost for `rounds`, going on from the checkpoint of an earlier attempt where there is one."""
    import xgboost as xgb

    booster = _restore(checkpoint)
    done = booster.num_boosted_rounds() if booster else 0
    while done < rounds:
        step = min(ROUNDS_PER_CHECKPOINT, rounds - done)
        booster = xgb.train(params, data, num_boost_round=step, xgb_model=booster)
        done += step
        if checkpoint and done < rounds:
            checkpoint.write(bytes(booster.save_raw("ubj")))
    assert booster is not None
    return booster


def _restore(checkpoint: "Checkpoint | None") -> "xgb.Booster | None":
    import xgboost as xgb

    saved = checkpoint.read() if checkpoint and checkpoint.prev_exists() else None
    if not saved:
        return None
    booster = xgb.Booster()
    booster.load_model(bytearray(saved))
    return booster
