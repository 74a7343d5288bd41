"""The world that the hub lives in, speaking the real protocols: broker, plugs, feeds, one physical house."""
