"""What a run would do, reuse and cost, before it does anything."""
