"""Launch plans that the bridge's tests run: sleepers, failures, echoes."""
