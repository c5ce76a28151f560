// Package participant is for services that take part in sagas. It reads commands from Kafka, lets the service's own
// handlers execute them inside the service's own database transaction, and answers.
//
// What the package promises, whatever crashes, repeats or overtakes:
//
//   - The effect of a forward command happens at most once per idempotency key.
//   - The same question gets the same answer: it is stored in the transaction of the effect.
//   - What was undone is not done again by a command that comes late, also where undoing came first.
//   - A key that another saga has used is refused, unless the saga continues a lost run.
//   - A command's offset is committed only after its answer is with the broker.
//   - An event is published if and only if the transaction is committed that published it, and in order of what it is about.
//
// A service makes a Participant over its *sql.DB, registers one handler per command, creates the tables that Schema
// returns, and lets a Runner run it. What others are to hear it stores by Participant.Publish, and the Runner sends it. A service that reads Kafka by other means calls Participant.Process itself.
//
// Source: docs/participants.md and docs/wire-contract.md.
package participant
