"""What the platform is made of: the facts and pure functions that cluster, sandbox, rehearsal and tests share."""
