"""What is compared, each in a process of its own: other SDKs pin what mpfluent cannot use."""
