"""What a workflow is and means: pure functions over flyteidl messages, without I/O."""

START = "start-node"
END = "end-node"
