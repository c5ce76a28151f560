package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// samples are the resources of the story, as files of config/samples.
const (
	participantsFile = "config/samples/participants.yaml"
	definitionFile   = "config/samples/order-fulfilment.yaml"
	completesFile    = "config/samples/order-completes.yaml"
	declinedFile     = "config/samples/order-is-declined.yaml"
	survivesFile     = "config/samples/order-survives.yaml"
)

// The third order is struck while its shipment is being made: paid for, and nobody knows yet whether it was sent.
const (
	struckOrder = "order-1003"
	struckStep  = "create-shipment"
)

// play sets the stage and tells the story.
func (d *demo) play(ctx context.Context, kubeBin string) error {
	d.screen.say("Starting etcd, kube-apiserver, kube-controller-manager, a broker, the services and the operator.")
	d.screen.say("Their logs are in %s.", d.dir)
	if err := d.setStage(ctx, kubeBin); err != nil {
		return err
	}
	return d.story(d, ctx)
}

// orders tells the story of the shop: two orders in peace, one through a disaster, and the books of all three.
func (d *demo) orders(ctx context.Context) error {
	if err := d.kubectl(ctx, "apply", "-f", participantsFile, "-f", definitionFile); err != nil {
		return err
	}
	if err := d.twoOrders(ctx); err != nil {
		return err
	}
	orders, err := d.disaster(ctx)
	if err != nil {
		return err
	}
	d.screen.leave()
	return d.curtain(ctx, orders)
}

func (d *demo) twoOrders(ctx context.Context) error {
	d.screen.pause()
	d.screen.say("Two orders. The card of the second one will be declined after its goods have been reserved.")
	if err := d.kubectl(ctx, "apply", "-f", completesFile, "-f", declinedFile); err != nil {
		return err
	}
	_, err := d.watch(ctx, "the first two orders", allFinal(2))
	return err
}

// disaster kills services and manager with the third order on its way, and starts them again.
func (d *demo) disaster(ctx context.Context) ([]order, error) {
	d.screen.pause()
	d.screen.say("A third order.")
	if err := d.kubectl(ctx, "apply", "-f", survivesFile); err != nil {
		return nil, err
	}
	if _, err := d.watch(ctx, struckOrder+" to be under way", stepRunning(struckOrder, struckStep)); err != nil {
		return nil, err
	}
	victims := append([]string{"manager"}, services...)
	pids := d.crew.Kill(victims...)
	d.screen.pause()
	d.screen.say("kill -9 %s   # %s", numbers(pids), strings.Join(victims, ", "))
	d.screen.say("All of them are gone; %s is in the middle of %s.", struckOrder, struckStep)
	d.screen.say("Starting them again. The new operator waits until the lease of the old one has run out, %s.", lease)
	if err := d.startCast(); err != nil {
		return nil, err
	}
	return d.watch(ctx, "all orders", allFinal(len(endings)))
}

// curtain shows how it ended and checks it.
func (d *demo) curtain(ctx context.Context, orders []order) error {
	d.screen.pause()
	if err := d.kubectl(ctx, "get", "sagas,orderworkflows"); err != nil {
		return err
	}
	d.screen.pause()
	d.screen.say("What the services' own books say:")
	out, printErr := exec.CommandContext(ctx, d.bin.services, "books", "--data", d.dataDir()).CombinedOutput()
	d.screen.print(string(out))
	books, err := d.readBooks(ctx)
	if err != nil {
		return err
	}
	if err := checkOrders(orders); err != nil {
		return err
	}
	if err := checkBooks(books); err != nil {
		return err
	}
	if printErr != nil {
		return fmt.Errorf("printing the books: %w", printErr)
	}
	d.screen.pause()
	d.screen.say("1 order completed; 1 was undone, and nothing of it is left; 1 completed although services and operator were killed.")
	return nil
}

func numbers(pids []int) string {
	return strings.Trim(fmt.Sprint(pids), "[]")
}
