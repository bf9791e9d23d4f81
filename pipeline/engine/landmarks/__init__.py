"""Where landmarks come from: one contract, and a back end for each way that mediapipe can be had."""
