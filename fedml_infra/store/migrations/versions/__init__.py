"""One change of the schema a file. A file that was released is never edited."""
