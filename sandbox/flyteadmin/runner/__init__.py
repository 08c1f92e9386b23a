"""Tasks as local processes, from the command line to what it put out."""
