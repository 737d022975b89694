"""Reading everything again: which contents the disk has not kept, and putting them back from other copies."""
