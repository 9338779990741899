"""The hook inside other training loops: ``laser.integrations.lightning`` and ``laser.integrations.accelerate``. Each needs the
package of its name, and only when it is imported."""
