// Counts the primes below a limit with the sieve of Eratosthenes: something to measure.
const limit = Number(process.argv[2] ?? 5e7)
const composite = new Uint8Array(limit)
let count = 0
for (let n = 2; n < limit; n++) {
  if (composite[n]) continue
  count++
  for (let multiple = n * n; multiple < limit; multiple += n) composite[multiple] = 1
}
console.log(`${count} primes below ${limit}`)
