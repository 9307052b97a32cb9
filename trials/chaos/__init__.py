"""Everything that can go wrong, at once and for as long as wanted, and what must hold all the while."""
