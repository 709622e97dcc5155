"""What connects mpfluent to other libraries; each module names the extra that it needs."""
