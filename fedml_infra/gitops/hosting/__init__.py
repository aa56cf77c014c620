"""What a pipeline says on the code host: one comment per pull request, one issue for what is to be looked at."""
