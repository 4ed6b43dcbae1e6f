"""The worker: the one home of the engine that hands out jobs, of the scheduler and the watch."""
