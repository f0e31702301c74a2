"""One module for each verb of the `zrtp` command."""
