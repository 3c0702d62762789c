package coordinator

import "testing"

// Owners of ranges have no whole chunks of the halves of a batch.
func TestRunsThatCompareHalvesHaveNoReducers(t *testing.T) {
	c := Default()
	if c.reducers(false) != c.Cluster.Reducers || c.Cluster.Reducers == 0 || c.reducers(true) != 0 {
		t.Errorf("%d reducers of a coordinator, %d of one process", c.reducers(false), c.reducers(true))
	}
	if c.Train.GradCosine = true; c.reducers(false) != 0 {
		t.Errorf("%d reducers where halves are compared", c.reducers(false))
	}
}
