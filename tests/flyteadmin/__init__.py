"""The embedded FlyteAdmin, used by real flytekit as a Flyte cluster would be."""
