"""Run profiles: the settings of a run, their defaults and checks, TOML in and out, and where they are kept."""
