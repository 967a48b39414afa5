"""Speed and memory at full size, on inputs generated from a seed; each module measures one part."""
