"""The verdicts on a stream, one module for each way to agree on keys."""
