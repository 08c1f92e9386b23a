"""Where the README's figures come from: `./tandem bench`."""
