"""Steps as concurrent tasks: each step for each segment and each take, and what is paid for first."""
