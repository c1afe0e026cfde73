"""Live push: every change of a user's orders on its screens a moment later, none missed silently.

The path of one change: consumer → ring and hub (one step of the loop) → connection → websocket or sse.
"""
