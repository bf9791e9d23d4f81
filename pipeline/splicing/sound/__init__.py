"""New lines of dialogue: where they lie, how loud they are, which packets they change, and how their joints sound."""
