"""Label a dataset without supervision by Internal Coherence Maximization."""

__version__ = "0.1.0"
