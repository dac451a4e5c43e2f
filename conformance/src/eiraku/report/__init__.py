"""Pages, drawings, tables for a terminal and files for CI servers: what people and programs read of a run."""
