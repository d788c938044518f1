"""The commands of `feeds`, each module imported when one of its commands is run."""
