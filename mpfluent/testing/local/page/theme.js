// Sets the theme before anything is painted; no module, since modules run too late for that.
{
  let theme = null;
  try {
    theme = localStorage.getItem("mpfluent.theme");
  } catch {
    // a browser that stores nothing follows the system
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
}
