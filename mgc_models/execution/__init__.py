"""How a run is executed: device, processes, logging."""
