"""The history at millions of rows beside one of a few thousand: every list, page and insert of both, in turn."""
