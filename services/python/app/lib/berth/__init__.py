"""What every Python service has: it starts, stops, tells of itself and reaches its stores in one way."""
