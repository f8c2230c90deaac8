"""How one op runs on one accelerator: loop nests, candidate mappings, footprints and legality."""
