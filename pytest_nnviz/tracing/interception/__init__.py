"""What torch hands to no mode: found where it happens, and recorded like the rest."""
