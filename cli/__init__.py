"""The `./tandem` command line: one thin file a command; the work is done by the folder each calls."""
