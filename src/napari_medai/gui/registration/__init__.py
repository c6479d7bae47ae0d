"""Registration watched, ended early, compared and drawn."""
