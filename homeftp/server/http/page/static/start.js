// Loads the page's modules. A connection that the server has ended meanwhile must not leave an empty page: try again.

const TRIES = "homeftp-tries";
const MOST = 5;

try {
  const { Page } = await import("/static/main.js");
  sessionStorage.removeItem(TRIES);
  await new Page().start();
} catch (error) {
  const tries = Number(sessionStorage.getItem(TRIES)) + 1;
  sessionStorage.setItem(TRIES, tries);
  console.error(error);
  if (tries <= MOST) {
    setTimeout(() => location.reload(), 300 * 2 ** tries);
  } else {
    sessionStorage.removeItem(TRIES);
    document.body.textContent = "This page could not be loaded. Check the network, then reload it.";
  }
}
