"""The room of rhythm: alarms against annotated rhythms, and against a bedside monitor's."""
