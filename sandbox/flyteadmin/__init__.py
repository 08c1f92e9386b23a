"""A FlyteAdmin for one machine: flyteidl's services over SQLite, tasks as local processes of real flytekit."""
