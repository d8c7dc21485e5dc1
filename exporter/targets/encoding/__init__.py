"""How weights are encoded, for targets that store them tensor by tensor."""
