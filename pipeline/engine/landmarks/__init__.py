"""The face networks: detectors, the landmark network, and faces that are followed from picture to picture."""
