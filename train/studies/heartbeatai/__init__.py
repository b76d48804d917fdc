"""HeartBeatAI's study."""
