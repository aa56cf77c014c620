"""What a federation is: frozen, validated values and the names that follow from them. No I/O."""
