"""The commands of ``eiraku``, one module each, imported when they are called."""
