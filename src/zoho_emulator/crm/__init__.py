"""CRM v8 as the emulator speaks it: the Products module, its metadata, COQL, search and bulk."""
