"""Files <-> images: every door between the disk and the core types."""
