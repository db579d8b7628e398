"""One machine: processes, locks, cores, silence. Imports no other room."""
