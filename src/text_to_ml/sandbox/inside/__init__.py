"""What runs inside the sandbox but is ours: the warm process, the supervisor of a lane, the start of a job."""
