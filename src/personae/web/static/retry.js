// The page of a database that is away: asks again, ever more slowly, and shows what was asked for once it is back.

const words = document.querySelector("[data-retry]");
const SLOWEST = 30;

async function again(pause) {
  for (let left = pause; left > 0; left -= 1) {
    words.textContent = `This page tries again in ${left} second${left === 1 ? "" : "s"}.`;
    await new Promise((done) => { setTimeout(done, 1000); });
  }
  words.textContent = "Trying again …";
  const answer = await fetch("/ready", { cache: "no-store" }).catch(() => null);
  if (answer?.ok) location.reload();
  else again(Math.min(SLOWEST, Math.ceil(pause * 1.5)));
}

again(5);
